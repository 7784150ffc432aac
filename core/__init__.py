"""What Guichet thinks: pure values and decisions, standard library only; no IO, clock, dice or logging lives here."""
