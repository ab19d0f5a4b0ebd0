"""`mx experiment`: a training outside of any release, its weights under their time, and how they compare with production's."""
