"""What Shipyard adds to mx. This module only announces; what does the work is imported when it is used."""

from __future__ import annotations

from mxdev import hookimpl, lazy
from mxdev.plugins import Lazy


@hookimpl
def mx_generators() -> list[Lazy]:
    """Shipyard's generators."""
    return [
        lazy(
            "mxdev_shipyard.model_project.generator:ModelProject",
            "Start the project of a model: it trains, is served by KServe, and meets the standards.",
        ),
        lazy(
            "mxdev_shipyard.pipelines.promotion:PromotionPipeline",
            "The central pipeline that every model project includes: standards, tests, image, promotion, and back.",
        ),
        lazy(
            "mxdev_shipyard.pipelines.onboarding:OnboardingRepository",
            "The repository whose main branch onboards: one file of values for each model, settings, policy, pipeline.",
        ),
    ]


@hookimpl
def mx_commands() -> list[Lazy]:
    """Shipyard's commands."""
    return [
        lazy("mxdev_shipyard.standards.command:check", "Check a model's repository against the standards."),
        lazy(
            "mxdev_shipyard.onboarding.command:onboard",
            "Bring a model on board: registry, bucket, GitLab, manifests.",
        ),
        lazy(
            "mxdev_shipyard.onboarding.command:retire", "Retire a model: manifests removed, project archived."
        ),
        lazy("mxdev_shipyard.promotion.command:promote", "Release a model in an environment, or go back."),
        lazy(
            "mxdev_shipyard.experiment.command:experiment",
            "Train outside of a release, and compare with what runs.",
        ),
        lazy(
            "mxdev_shipyard.feedback.command:feedback",
            "Bring served predictions back, corrected, as a data set.",
        ),
    ]
