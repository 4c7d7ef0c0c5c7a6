#!/usr/bin/env python3
"""A lint that cannot fail is a defect: each rule is broken once here."""
import pathlib
import unittest

import lint

PROSE = "// Prose.\n#pragma once\n"


class Rules(unittest.TestCase):
    def found(self, path, text):
        return [sentence for _, sentence in lint.check_file(pathlib.Path(path), text)]

    def broken(self, path, text, words):
        self.assertTrue(any(words in sentence for sentence in self.found(path, text)), self.found(path, text))

    def test_clean_files_pass(self):
        self.assertEqual(self.found("common/sip/x.hpp", PROSE + '#include "base/text.hpp"\n'), [])
        self.assertEqual(self.found("tools/sip-proxy/core.cpp", '#include "sip-proxy/core.hpp"\n#include "sip/message.hpp"\n'), [])
        self.assertEqual(self.found("tools/sip-proxy/shell.cpp", '#include "sip-proxy/core.hpp"\n#include "io/loop.hpp"\n'), [])

    def test_layers(self):
        self.broken("common/sip/x.cpp", '#include "media/rtp.hpp"\n', "sip may not include media")
        self.broken("common/base/x.cpp", '#include "sip/message.hpp"\n', "base may not include sip")
        self.broken("common/io/x.cpp", '#include "app/program.hpp"\n', "io may not include app")
        self.broken("tools/sip-proxy/core.cpp", '#include "io/loop.hpp"\n', "core may not include io")
        self.broken("tools/sip-proxy/core.cpp", '#include "sip-proxy/shell.hpp"\n', "never includes its shell")
        self.broken("tools/sip-proxy/shell.cpp", '#include "sip-registrar/core.hpp"\n', "never includes another")
        self.broken("common/io/x.cpp", '#include "sip-registrar/core.hpp"\n', "common never includes tools")

    def test_doors(self):
        self.broken("common/io/x.cpp", "#include <sqlite3.h>\n", "its door")
        self.broken("common/io/loop.hpp", PROSE + "#include <boost/asio/io_context.hpp>\n", "its door")
        self.assertEqual(self.found("common/io/sqlite.cpp", "#include <sqlite3.h>\n"), [])
        self.broken("common/media/codec.cpp", "#include <opus.h>\n", "its door")
        self.broken("common/media/g722.cpp", "#include <speex/speex_resampler.h>\n", "its door")
        self.assertEqual(self.found("common/media/tones.cpp", "#include <spandsp.h>\n"), [])

    def test_purity(self):
        self.broken("common/sip/x.cpp", "auto t = std::chrono::steady_clock::now();\n", "pure")
        self.broken("common/media/x.cpp", "#include <thread>\n", "pure")
        self.broken("tools/sip-proxy/core.cpp", "std::mutex m;\n", "pure")
        self.broken("tools/sip-proxy/shell.cpp", "auto t = std::chrono::system_clock::now();\n", "only io reads a clock")

    def test_house(self):
        self.broken("common/sip/x.cpp", "int a;\n" * 601, "hard stop")
        self.broken("common/sip/x.hpp", "#pragma once\n", "prose")
        self.broken("common/sip/uri_helper.cpp", "", "banned")
        self.broken("common/sip/x.cpp", "// TODO\n", "unfinished")
        self.broken("common/io/x.cpp", "std::this_thread::sleep_for(x);\n", "sleeps")
        self.assertTrue(lint.check_tests(pathlib.Path("tests/x.cpp"), "std::this_thread::sleep_for(x);"))


if __name__ == "__main__":
    unittest.main()
