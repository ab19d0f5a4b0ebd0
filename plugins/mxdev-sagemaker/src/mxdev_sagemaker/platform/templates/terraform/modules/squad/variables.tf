variable "platform" {
  description = "The platform's name."
  type        = string
}

variable "name" {
  description = "The squad's name."
  type        = string
}

variable "experiments" {
  description = "The names of its experiments."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.experiments : can(regex("^[a-z][a-z0-9-]{1,14}$", name))])
    error_message = "An experiment is 2 to 15 lower-case letters, digits and dashes: its name is a part of a bucket's."
  }
}

variable "pipelines" {
  description = "The names of its training pipelines; each step's image has a registry."
  type        = set(string)
  default     = []
}

variable "members" {
  description = "Who gets a profile in SageMaker Studio."
  type        = set(string)
}

variable "git" {
  description = "Where its repositories are: the repository of an experiment is GIT/EXPERIMENT.git."
  type        = string
}

variable "git_secret" {
  description = "The secret with the user and the token that Studio clones with; null: whoever clones logs in."
  type        = string
  default     = null
}

variable "domain_id" {
  description = "The domain of SageMaker Studio."
  type        = string
}

variable "execution_role" {
  description = "The ARN of the role of experiments, which notebooks run with."
  type        = string
}

variable "base_image" {
  description = "The shared base image with its tag, in ECR: the kernel of an experiment before its pipeline has built one."
  type        = string
}

variable "idle" {
  description = "After how many minutes Studio stops an instance that nobody uses, and what a person may choose at most."
  type        = object({ minutes = number, at_most = number })
}

variable "role_names" {
  description = "The names of the roles that get at the buckets: `write` of experiments, `read` of training pipelines."
  type        = object({ write = string, read = string })
}
