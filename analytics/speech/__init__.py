"""What mails and pages both say, in the reader's own language: names, places, figures, moments, and the core's own sentences.

`<language>.po` beside this file holds the words; a language is spoken once its file is there (decision 18).
"""
