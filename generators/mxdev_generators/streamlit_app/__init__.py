"""The generator StreamlitApp."""
