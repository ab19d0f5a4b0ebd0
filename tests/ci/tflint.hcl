# All rules that come with tflint itself.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
