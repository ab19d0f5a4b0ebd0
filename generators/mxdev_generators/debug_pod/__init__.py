"""The generator DebugPod."""
