"""`mx onboard` and `mx retire`: what a model needs outside of its repository, as steps, and the way back."""
