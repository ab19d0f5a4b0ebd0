data "aws_availability_zones" "available" {
  # checkov:skip=CKV_AWS_394:The first two are taken when a subnet is made; it stays where it is when AWS adds one
  state = "available"
}

resource "aws_vpc" "this" {
  # checkov:skip=CKV2_AWS_11:Flow logs cost more than the network; switch them on with the company's own collector
  cidr_block           = "10.70.0.0/16"
  enable_dns_hostnames = true

  tags = {
    Name = local.platform
  }
}

# Nothing uses it, and it lets nothing through.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "public" {
  count = 2

  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)
  availability_zone = data.aws_availability_zones.available.names[count.index]

  tags = {
    Name = "${local.platform}-public-${count.index}"
  }

  lifecycle {
    ignore_changes = [availability_zone]
  }
}

# Studio, jobs and services have no address of their own.
resource "aws_subnet" "private" {
  count = 2

  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 4, count.index + 1)
  availability_zone = data.aws_availability_zones.available.names[count.index]

  tags = {
    Name = "${local.platform}-private-${count.index}"
  }

  lifecycle {
    ignore_changes = [availability_zone]
  }
}

resource "aws_eip" "nat" {
  domain = "vpc"
}

# One for both zones: a second one costs as much again, and without it only what leaves the network fails with its zone.
resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[0].id

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_route_table_association" "public" {
  count = 2

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.this.id
  }
}

resource "aws_route_table_association" "private" {
  count = 2

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}

# Data and images come from S3, and do not pass the NAT gateway, which bills each gigabyte.
resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.${local.region}.s3"
  route_table_ids = [aws_route_table.private.id]
}

# Each kind of step of a training pipeline has a group of its own, so that one can be opened or closed alone.
resource "aws_security_group" "steps" {
  # checkov:skip=CKV2_AWS_5:The definitions of training pipelines name them, which are in other repositories
  for_each = toset(["processing", "training", "evaluation", "registration"])

  name        = "${local.platform}-${each.value}"
  description = "Steps of training pipelines: ${each.value}."
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "studio" {
  # checkov:skip=CKV2_AWS_5:The domain of Studio has it, in a block that is not looked at
  name        = "${local.platform}-studio"
  description = "Notebooks of SageMaker Studio."
  vpc_id      = aws_vpc.this.id
}

# The parts of one notebook, and the nodes of one job, speak with each other.
resource "aws_vpc_security_group_ingress_rule" "itself" {
  for_each = local.workers

  security_group_id            = each.value
  description                  = "From the same group."
  referenced_security_group_id = each.value
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "workers" {
  for_each = local.workers

  security_group_id = each.value
  description       = "To AWS, to Git and to package indices."
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

locals {
  workers = merge({ studio = aws_security_group.studio.id }, { for kind, group in aws_security_group.steps : kind => group.id })
}
