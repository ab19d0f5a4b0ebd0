# As many tasks of a rest model as its file says: `count` at least, `max_count` at most, when their CPUs are busy.
resource "aws_appautoscaling_target" "rest" {
  for_each = local.rest

  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.rest[each.key].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = each.value.count
  max_capacity       = max(each.value.count, each.value.max_count)
}

resource "aws_appautoscaling_policy" "rest" {
  for_each = { for key, one in local.rest : key => one if one.max_count > one.count }

  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.rest[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.rest[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.rest[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
