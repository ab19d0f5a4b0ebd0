# What Alerts was told; alerts.tf says what it means.

billing_account = "012345-6789AB-CDEF01"
monthly_budget  = 1000
idle_minutes    = 60

# Nobody here: the mail goes to `engineers` in terraform.tfvars.
alert_emails = []
