"""The search for hyperparameters: many trainings with values that SageMaker draws from ranges, of which the best goes on.

`search` of settings.json says how many, what is measured, and the ranges; null there is one training with what the configuration says.
"""

from __future__ import annotations

from typing import Any

# What a range is of, and how SageMaker calls a list of those.
KINDS = {
    "continuous": "ContinuousParameterRanges",
    "integer": "IntegerParameterRanges",
    "categorical": "CategoricalParameterRanges",
}
TYPES = {"continuous": ("number",), "integer": ("number", "integer"), "categorical": ("string",)}

Json = dict[str, Any]


def arguments(own: Json, training: Json) -> Json:
    """The request for a search whose trainings are each like `training`."""
    return {
        "HyperParameterTuningJobConfig": {
            "Strategy": own["strategy"],
            "HyperParameterTuningJobObjective": {
                "MetricName": own["metric"],
                "Type": own["goal"],
            },
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": own["trials"],
                "MaxParallelTrainingJobs": own["parallel"],
            },
            "ParameterRanges": _ranges(own["ranges"]),
            # A training that cannot become the best any more is stopped.
            "TrainingJobEarlyStoppingType": "Auto",
        },
        "TrainingJobDefinition": training,
    }


def _ranges(own: Json) -> Json:
    made: Json = {called: [] for called in KINDS.values()}
    for name, one in own.items():
        if one["kind"] == "categorical":
            drawn: Json = {"Name": name, "Values": one["values"]}
        else:
            drawn = {"Name": name, "MinValue": str(one["from"]), "MaxValue": str(one["to"])}
            drawn["ScalingType"] = one.get("scale", "Auto")
        made[KINDS[one["kind"]]].append(drawn)
    return {called: ranges for called, ranges in made.items() if ranges}


def problems(own: Json, metrics: set[str], keys: Json) -> list[str]:
    """What is wrong with `search` of settings.json; [] if nothing is.

    Args:
        own: what it says.
        metrics: the names that the training's MetricDefinitions have.
        keys: the properties of the configuration's schema.
    """
    found = []
    if own["metric"] not in metrics:
        found.append(
            f"the training prints no {own['metric']}; it prints {', '.join(sorted(metrics))}"
        )
    if not 1 <= own["parallel"] <= own["trials"]:
        found.append(f"parallel is {own['parallel']}: it must be from 1 to trials, {own['trials']}")
    if not own["ranges"]:
        found.append("there is no range to draw from")
    for name, one in own["ranges"].items():
        found += [f"{name}: {text}" for text in _broken(one, keys.get(name))]
    return [f"search of settings.json: {text}" for text in found]


def _broken(one: Json, key: Json | None) -> list[str]:
    if key is None:
        return ["the schema of the configuration has no such key"]
    if one["kind"] not in KINDS:
        return [f"{one['kind']} is no kind of range; there are {', '.join(KINDS)}"]
    if key.get("type") not in TYPES[one["kind"]]:
        return [f"it is a {key.get('type')}, and the range is {one['kind']}"]
    if one["kind"] == "categorical":
        return [] if one["values"] else ["it has no values"]
    if not one["from"] < one["to"]:
        return [f"it goes from {one['from']} to {one['to']}"]
    lowest, highest = key.get("minimum", one["from"]), key.get("maximum", one["to"])
    above = key.get("exclusiveMinimum")
    if one["from"] < lowest or one["to"] > highest or (above is not None and one["from"] <= above):
        return [f"from {one['from']} to {one['to']} is more than the configuration may say"]
    return []
