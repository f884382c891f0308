"""A sweep with Optuna, tracked by MLflow: `python with_mlflow.py NAME JOBS TRIALS`, TRIALS as JSON.

Each trial logs its params, its metrics and its model, into SQLite and a folder on this machine.
The model's requirements are given: MLflow would else load each model once more to find them out.
"""

import json
import multiprocessing
import sys
from pathlib import Path

import mlflow.sklearn
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from trial import trial

from kit.learn import load_model

ROOT = Path.cwd()


def storage() -> JournalStorage:
    """What Optuna advises for several processes: with SQLite two of them may draw one trial."""
    return JournalStorage(JournalFileBackend(str(ROOT / "optuna.log")))


def objective(asked: optuna.Trial) -> float:
    values = {
        "learning_rate": asked.suggest_float("learning_rate", 0.01, 0.3),
        "max_leaf_nodes": asked.suggest_int("max_leaf_nodes", 2, 64),
    }
    with mlflow.start_run():
        mlflow.log_params(values)
        metrics, _ = trial(ROOT, values)
        for split, figures in metrics.items():
            numbers = {f"{split}.{k}": v for k, v in figures.items() if isinstance(v, float)}
            mlflow.log_metrics(numbers)
        mlflow.sklearn.log_model(
            load_model(),
            name="model",
            pip_requirements=str(ROOT / "requirements.lock"),
            serialization_format="cloudpickle",
        )
    return metrics["validation"]["roc_auc"]


def work(name: str, trials: int) -> None:
    optuna.load_study(study_name=name, storage=storage()).optimize(objective, n_trials=trials)


def main() -> None:
    name, jobs, asked = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    mlflow.set_tracking_uri(f"sqlite:///{ROOT}/mlflow.db")
    mlflow.set_experiment(name)
    study = optuna.create_study(study_name=name, storage=storage(), direction="maximize")
    for values in asked:
        study.enqueue_trial(values)
    shares = [len(asked[job::jobs]) for job in range(jobs)]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        pool.starmap(work, [(name, share) for share in shares])
    Path("values.json").write_text(json.dumps(sorted(each.value for each in study.trials)))


if __name__ == "__main__":
    main()
