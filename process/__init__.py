"""What the processes of several rooms do alike: how they log, and how they serve HTTP."""
