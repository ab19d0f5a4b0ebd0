# All rules that come with tflint itself, but one.
plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Each generator has a file of its own, with its variables and outputs in it, so that generators never share a file.
rule "terraform_standard_module_structure" {
  enabled = false
}
