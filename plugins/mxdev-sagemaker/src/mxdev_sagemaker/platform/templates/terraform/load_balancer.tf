variable "zone_id" {
  description = "The zone of Route 53 that has the hostname; empty: the records are made by hand, and Terraform waits for the certificate's."
  type        = string
  default     = ""
}

locals {
  internal = local.exposure == "internal"
  # Who may ask: the networks of the company, or everybody.
  clients = local.internal ? ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] : ["0.0.0.0/0"]
}

resource "aws_security_group" "balancer" {
  name        = "${local.platform}-balancer"
  description = "What reaches the load balancer of ${local.platform}."
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  for_each = { for pair in setproduct([80, 443], local.clients) : "${pair[0]} ${pair[1]}" => pair }

  security_group_id = aws_security_group.balancer.id
  description       = "Clients; HTTP is sent on to HTTPS."
  cidr_ipv4         = each.value[1]
  from_port         = each.value[0]
  to_port           = each.value[0]
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "balancer" {
  security_group_id = aws_security_group.balancer.id
  description       = "To services in this network only."
  cidr_ipv4         = aws_vpc.this.cidr_block
  from_port         = 8080
  to_port           = 8080
  ip_protocol       = "tcp"
}

resource "aws_acm_certificate" "this" {
  domain_name       = local.hostname
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  count = var.zone_id == "" ? 0 : 1

  zone_id = var.zone_id
  name    = one(aws_acm_certificate.this.domain_validation_options).resource_record_name
  type    = one(aws_acm_certificate.this.domain_validation_options).resource_record_type
  records = [one(aws_acm_certificate.this.domain_validation_options).resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn = aws_acm_certificate.this.arn

  depends_on = [aws_route53_record.validation]
}

resource "aws_lb" "this" {
  # checkov:skip=CKV_AWS_91:The access log needs a bucket with a policy of its own; the services log each request
  # checkov:skip=CKV2_AWS_28:It is reached from the company's network by default; a firewall belongs to --exposure internet
  name                       = local.platform
  internal                   = local.internal
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.balancer.id]
  subnets                    = local.internal ? aws_subnet.private[*].id : aws_subnet.public[*].id
  drop_invalid_header_fields = true
  enable_deletion_protection = true
}

resource "aws_route53_record" "balancer" {
  count = var.zone_id == "" ? 0 : 1

  zone_id = var.zone_id
  name    = local.hostname
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = false
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"

    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

# Deployments add a rule each, for their path; what no rule takes is no model.
resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = jsonencode({ detail = "No model is deployed at this path. Paths are /predictions/MODEL/VERSION/predict." })
      status_code  = "404"
    }
  }
}
