#include "sdp/opus_parameters.hpp"

#include <catch2/catch.hpp>

using namespace confab::sdp;

TEST_CASE("fmtp of Opus rows", "[opus_parameters]") {
    struct Row {
        const char* text;
        OpusParameters expected;
    };
    const Row rows[] = {
        {"", {}},
        {"useinbandfec=1", {.in_band_fec = true}},
        {"UseInbandFec = 1 ; usedtx=1", {.in_band_fec = true, .dtx = true}},
        {"maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; stereo=1; useinbandfec=1; usedtx=0",
         {.max_playback_rate = 16'000, .max_average_bitrate = 20'000, .in_band_fec = true}},
        {"maxplaybackrate=7999;maxaveragebitrate=5999", {}},
        {"maxplaybackrate=96000;maxaveragebitrate=510001", {}},
        {"maxplaybackrate=;maxaveragebitrate=-1;useinbandfec=yes;usedtx", {}},
        {"cbr=1;future=x;;=;", {}},
        {"useinbandfec=0;useinbandfec=1", {}},
        {"maxplaybackrate=99999999999999999999", {}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.text);
        CHECK(OpusParameters::parse(row.text) == row.expected);
    }
}

TEST_CASE("what we say reads back", "[opus_parameters]") {
    CHECK(OpusParameters{}.text() == "stereo=0;sprop-stereo=0;useinbandfec=0");
    const OpusParameters all{.max_playback_rate = 16'000, .max_average_bitrate = 24'000, .in_band_fec = true, .dtx = true};
    CHECK(all.text() == "maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=24000;stereo=0;sprop-stereo=0;useinbandfec=1;usedtx=1");
    CHECK(OpusParameters::parse(all.text()) == all);
}
