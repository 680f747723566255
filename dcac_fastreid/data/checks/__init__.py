"""May this be trained and tested on?"""
