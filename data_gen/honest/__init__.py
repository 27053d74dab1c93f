"""Honest trade: rota, deliveries, sales, refunds, doors and counts, a module each.

Honest people make mistakes, and some of what they do meets a rule: receipts are lost, pieces are
miscounted, gates give false alarms. What the rules raise about that is what they cost.
"""
