# ---
# jupyter:
#   jupytext:
#     cell_metadata_filter: -all
#     notebook_metadata_filter: jupytext.formats,jupytext.cell_metadata_filter,jupytext.notebook_metadata_filter,-all
# ---

# %% [markdown]
# # explore
#
# The project's data, and what a trained model makes of it. Editors open this file as a notebook (JupyterLab: right click, Open With,
# Notebook); `python notebooks/explore.py` runs it as it is. It is text, so outputs are never part of a commit.

# %%
from dataclasses import replace
from itertools import islice

import mlflow
import pandas as pd
import torch
from omegaconf import OmegaConf

from everything import config as configuration
from everything import evaluation, tracking
from everything.data.loader import Loader
from everything.processes import Processes

try:
    from IPython.display import display
except ImportError:
    display = print

EXPERIMENT = "everything"
# The id of a training run, or latest: the one that finished last.
RUN = "latest"

# %% [markdown]
# ## The run
#
# From the tracking store that `MLFLOW_TRACKING_URI` names, or from `.mlflow/` in the project.

# %%
run = tracking.find_run(tracking.open_store(EXPERIMENT), RUN)
run_id = run.info.run_id
display(pd.Series(run.data.metrics, name=f"metrics of run {run_id}"))

# %% [markdown]
# ## The data
#
# As that run was configured. What `mx generate Dataset` added is read in the same way once the task uses it.

# %%
logged = OmegaConf.create(mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json"))
config = configuration.trainer_config(logged)
task = config.task
datasets = task.datasets()
if datasets.version().sha256 != run.data.params.get(tracking.DATA):
    print(f"The data is not what run {run_id} was trained on.")
for part in ("train", "validation", "test"):
    print(f"{part}: {len(getattr(datasets, part))} examples")

# %% [markdown]
# ## The model

# %%
model = mlflow.pytorch.load_model(f"runs:/{run_id}/model", map_location="cpu")
parameters = sum(weights.numel() for weights in model.state_dict().values())
print(f"{parameters} weights")

# %% [markdown]
# ## What it makes of the test data

# %%
alone = Processes(0, 1, torch.device("cpu"))
loader = Loader(datasets.test, datasets.collate, config.training, alone)
report = evaluation.measure(task, model, loader, alone)
print(f"{report.words} on {report.examples} examples")
for figure in task.figures(report.totals).values():
    display(figure)

# %% [markdown]
# ## Where it is wrong
#
# The loss of single examples: those at the end are worth a look.

# %%
one_by_one = replace(config.training, batch_size=1)
singles = Loader(datasets.test, datasets.collate, one_by_one, alone)
examples = list(islice(singles.in_order(), 200))
with torch.no_grad():
    losses = [task.loss(model(part[0]), part[1]).item() for part in examples]
ranked = sorted(range(len(examples)), key=losses.__getitem__)
display(pd.Series(losses, name="loss").describe())
for number in ranked[-3:]:
    print(f"example {number} of the test data: loss {losses[number]:.4f}")
    display(examples[number][:2])
