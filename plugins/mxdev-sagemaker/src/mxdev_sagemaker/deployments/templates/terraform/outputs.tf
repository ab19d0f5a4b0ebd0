output "endpoints" {
  description = "Where each model is served."
  value       = { for key, one in local.rest : key => "https://${local.shared.hostname}${one.path}/predict" }
}

output "queues" {
  description = "Where requests are sent to."
  value       = { for key, queue in aws_sqs_queue.requests : key => queue.url }
}

output "batches" {
  description = "When each batch starts, and when it must be done."
  value       = { for key, one in local.batch : key => "${one.schedule}, done by ${one.done_by} ${one.timezone}" }
}
