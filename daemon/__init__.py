"""The long-running process: state, time, people."""
