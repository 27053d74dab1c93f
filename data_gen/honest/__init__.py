"""Honest trade: rota, deliveries, sales, refunds, doors and counts, a module each.

Honest people make mistakes, and some of their acts meet a rule: receipts are lost, pieces are miscounted,
gates give false alarms. Alerts about these are the price of the rules.
"""
