"""Bills, credit notes and receipts as PDF, in English and Bangla; it knows no database.

papers.py says what a document tells, writing.py writes it as HTML from templates/ in
the words of words.py, pages.py lays HTML out with the fonts beside it.
"""

#: Goes up with each change of what a document looks like: templates, stylesheet, words.
#: What was issued stays as it is, and says by which version it was made.
TEMPLATE_VERSION = 1
