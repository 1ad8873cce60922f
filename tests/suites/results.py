"""results.py FILE MODULE: run a module's unittests, and write one line into FILE for each: its name and result

What a test prints is nobody's business here. No test may use what it has to ask for (network, 4 GiB of disk).
"""
import sys
import unittest

from test import support


class Results(unittest.TestResult):
    def __init__(self, out):
        super().__init__()
        self.out = out

    def say(self, test, result):
        print(test.id(), result, file=self.out, flush=True)

    def addSuccess(self, test):
        self.say(test, "ok")

    def addError(self, test, error):
        self.say(test, "error")

    def addFailure(self, test, error):
        self.say(test, "failure")

    def addSubTest(self, test, subtest, error):
        if error:
            self.say(test, "failure of a part")

    def addSkip(self, test, reason):
        self.say(test, "skipped")

    def addExpectedFailure(self, test, error):
        self.say(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        self.say(test, "unexpected success")


support.use_resources = []
with open(sys.argv[1], "w") as out:
    unittest.defaultTestLoader.loadTestsFromName(sys.argv[2]).run(Results(out))
