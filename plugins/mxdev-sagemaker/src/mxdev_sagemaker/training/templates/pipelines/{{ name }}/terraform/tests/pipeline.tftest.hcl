# No account: the provider is mocked.
mock_provider "aws" {
  mock_data "aws_subnets" {
    defaults = {
      ids = ["subnet-0123456789abcdef1", "subnet-0123456789abcdef0"]
    }
  }
}

run "each_step_has_a_security_group_of_its_own" {
  command = apply

  assert {
    condition     = length(distinct(values(output.network.security_groups))) == 4
    error_message = "Two steps share a security group."
  }

  assert {
    condition     = output.network.subnets[0] == "subnet-0123456789abcdef0"
    error_message = "The order of the subnets would change from run to run."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_egress_rule.https : rule.to_port == 443])
    error_message = "A step reaches more than HTTPS."
  }
}
