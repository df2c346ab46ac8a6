"""What an analyst or a lawyer takes away: order records, readings, the rows behind a number, and partners' scorecards."""
