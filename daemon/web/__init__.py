"""The HTTP surface: a JSON API, health and metrics, served by Starlette; `daemon.web.app.build` makes the application.

Nothing is imported here: rules are evaluated before the web is even loaded, so that watching begins at once.
"""
