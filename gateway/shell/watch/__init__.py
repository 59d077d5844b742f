"""What people and machines can see of a running gateway: clock, readiness, figures, traces, and alerts."""
