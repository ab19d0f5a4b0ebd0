"""The generators that come with mx, registered as any third party's are."""

from __future__ import annotations

from mxdev import hookimpl, lazy


@hookimpl
def mx_generators() -> list[object]:
    """Announce the built-in generators without importing them."""
    return [
        lazy(
            "mxdev_generators.ml_project_skeleton.generator:MLProjectSkeleton",
            "A project that trains, tests, documents and deploys itself.",
        ),
        lazy(
            "mxdev_generators.entry_point.generator:EntryPoint",
            "A command of the project beside the trainer: module, configuration, test.",
        ),
        lazy(
            "mxdev_generators.dataset.generator:Dataset",
            "A table of your own in a CSV file: read, checked, divided, described.",
        ),
        lazy(
            "mxdev_generators.model.generator:Model",
            "A network beside the task's own, with its sizes in the configuration.",
        ),
        lazy(
            "mxdev_generators.notebook.generator:Notebook",
            "A notebook on the project's data and its trained model, kept as text without outputs.",
        ),
        lazy(
            "mxdev_generators.beam_pipeline.generator:BeamPipeline",
            "From raw files in the data bucket to checked data that the trainer reads, by Apache Beam.",
        ),
        lazy(
            "mxdev_generators.sweep.generator:Sweep",
            "A search over any value of the trainer's configuration.",
        ),
        lazy(
            "mxdev_generators.acceptance.generator:Acceptance",
            "A gate for trained models: the candidate against the accepted one, by rule or by a person.",
        ),
        lazy(
            "mxdev_generators.streamlit_app.generator:StreamlitApp",
            "A page that shows what the project's model makes of an upload.",
        ),
        lazy(
            "mxdev_generators.debug_pod.generator:DebugPod",
            "JupyterLab on the cluster, in the project's own image: a GPU as if it were in your laptop.",
        ),
        lazy(
            "mxdev_generators.distributed_training.generator:DistributedTraining",
            "Train on several machines with Kubeflow's training operator.",
        ),
        lazy(
            "mxdev_generators.environment.generator:Environment",
            "Another place for the whole project, such as staging or production.",
        ),
        lazy(
            "mxdev_generators.deployment_infrastructure.generator:DeploymentInfrastructure",
            "Names, certificate, login and one gateway, through which people reach what the project runs.",
        ),
        lazy(
            "mxdev_generators.alerts.generator:Alerts",
            "Mail about a budget that is used up, trainings that failed and GPUs that idle.",
        ),
        lazy(
            "mxdev_generators.cvat_labeling_tool.generator:CVATLabelingTool",
            "Label images with CVAT, and train on what comes back.",
        ),
        lazy(
            "mxdev_generators.plugin.generator:Plugin",
            "A plugin for mx: generator, command, lint rule, tests, ready to publish.",
        ),
        lazy(
            "mxdev_generators.template.generator:Template",
            "Bring in a Copier or Cookiecutter template, and keep it up to date.",
        ),
        lazy(
            "mxdev_generators.gitlab_ci.generator:GitLabCI",
            "A pipeline for GitLab: lint, test, docs, package, images, training.",
        ),
        lazy(
            "mxdev_generators.github_actions.generator:GitHubActions",
            "Workflows for GitHub: lint, test, docs, package, images, training.",
        ),
        lazy(
            "mxdev_generators.cloud_build_default_config.generator:CloudBuildDefaultConfig",
            "Builds on Google Cloud: lint, test, docs, package, images, training.",
        ),
        lazy(
            "mxdev_generators.seldon_deployment.generator:SeldonDeployment",
            "The project's model behind an endpoint, by KServe or Seldon Core.",
        ),
        lazy(
            "mxdev_generators.model_monitoring.generator:ModelMonitoring",
            "What an endpoint is asked, against what its model was trained on: drift, attacks, labels that come back.",
        ),
    ]
