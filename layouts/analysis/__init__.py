"""The analyst's pages: Dash with Mantine components, drawn by pure functions from a `View`; the callbacks stand in one place."""
