"""What happened in calls: events, timelines, counts."""
