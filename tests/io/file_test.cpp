#include "io/file.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "io/sound_file.hpp"
#include "stage.hpp"

using namespace confab;

TEST_CASE("files: the whole text, or a sentence that names the file") {
    const test::Folder folder;
    const std::string bytes("one\ntwo\0three\n", 14);
    CHECK(io::read_file(folder.write("a", bytes)).value() == bytes);
    CHECK(io::read_file(folder.write("empty", "")).value().empty());
    CHECK(io::read_file(folder.write("b", std::string(100, 'x')), 100).value().size() == 100);
    CHECK(io::read_file(folder / "b", 99).error() == (folder / "b") + ": larger than 99 octets");
    CHECK(io::read_file(folder / "absent").error() == (folder / "absent") + ": No such file or directory");
    CHECK(io::read_file(folder / ".").error() == (folder / ".") + ": Is a directory");
    REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
    CHECK(io::read_file(folder / "fifo").error() == (folder / "fifo") + ": not a regular file");
}

TEST_CASE("secrets: the final newline goes, and others must not be able to read them") {
    const test::Folder folder;
    const auto secret = [&](const std::string& text, mode_t mode) {
        const auto path = folder.write("secret", text);
        REQUIRE(chmod(path.c_str(), mode) == 0);
        return path;
    };
    CHECK(io::read_secret(secret("open sesame\n", 0600)).value() == "open sesame");
    CHECK(io::read_secret(secret("open sesame\r\n", 0400)).value() == "open sesame");
    CHECK(io::read_secret(secret(" two\n\n", 0600)).value() == " two\n");
    CHECK(io::read_secret(secret("12345678", 0600), 8).value() == "12345678");
    CHECK(io::read_secret(secret("1234567\n", 0600), 8).error() ==
          (folder / "secret") + ": a secret of at least 8 octets is expected, 7 are there");
    CHECK_FALSE(io::read_secret(secret("\n", 0600)));
    for (const mode_t mode : {0640U, 0604U, 0620U, 0644U})
        CHECK(io::read_secret(secret("x", mode)).error() == (folder / "secret") + ": others may read this secret; make it mode 0600");
}

TEST_CASE("sound files: written as they come, read back sample by sample") {
    const test::Folder folder;
    std::vector<std::int16_t> samples;
    for (int i = 0; i < 10'000; ++i) samples.push_back(static_cast<std::int16_t>(i * 7 - 32768));
    samples.push_back(32767);
    {
        auto writer = io::SoundWriter::create(folder / "a.wav", 8000);
        REQUIRE(writer);
        auto moved = std::move(*writer);
        moved.write(std::span(samples).first(160));
        moved.write(std::span(samples).subspan(160));
    }
    CHECK(io::read_sound(folder / "a.wav", 8000).value() == samples);
    CHECK(io::read_sound(folder / "a.wav", 16000).error() == (folder / "a.wav") + ": sampled at 8000 Hz, expected 16000 Hz");
    CHECK(std::system(("sox " + (folder / "a.wav") + " -e u-law -c 2 " + (folder / "b.wav") + " 2>/dev/null").c_str()) == 0);
    const auto companded = io::read_sound(folder / "b.wav", 8000);
    REQUIRE(companded);
    REQUIRE(companded->size() == samples.size());
    for (std::size_t i = 0; i < samples.size(); i += 97) CHECK(std::abs((*companded)[i] - samples[i]) <= std::abs(samples[i]) / 16 + 16);
}

TEST_CASE("sound files: one is overwritten only where it is wanted") {
    const test::Folder folder;
    const auto length = [&](const std::string& name) { return io::read_sound(folder / name, 8000).value().size(); };
    const auto write = [&](auto create, const std::string& name, std::size_t samples) {
        auto writer = create(folder / name, 8000, io::SoundFormat::wav);
        REQUIRE(writer);
        writer->write(std::vector<std::int16_t>(samples));
        return writer->path();
    };
    CHECK(write(io::SoundWriter::create_new, "a.b.wav", 1) == folder / "a.b.wav");
    CHECK(write(io::SoundWriter::create_new, "a.b.wav", 2) == folder / "a.b-2.wav");
    CHECK(write(io::SoundWriter::create_new, "a.b.wav", 3) == folder / "a.b-3.wav");
    CHECK(write(io::SoundWriter::create, "a.b-3.wav", 4) == folder / "a.b-3.wav");
    CHECK(length("a.b.wav") == 1);
    CHECK(length("a.b-2.wav") == 2);
    CHECK(length("a.b-3.wav") == 4);
    for (int number = 4; number <= 99; ++number) folder.write("a.b-" + std::to_string(number) + ".wav", "");
    CHECK(io::SoundWriter::create_new(folder / "a.b.wav", 8000).error() == (folder / "a.b-99.wav") + ": File exists");
}

TEST_CASE("sound files: what is no sound file is a sentence") {
    const test::Folder folder;
    CHECK(io::read_sound(folder / "absent.wav", 8000).error() == (folder / "absent.wav") + ": No such file or directory");
    CHECK(
        io::read_sound(folder.write("text.wav", "this is no sound"), 8000).error().starts_with((folder / "text.wav") + ": no sound file"));
    for (auto* create : {io::SoundWriter::create, io::SoundWriter::create_new})
        CHECK(create(folder / "absent/a.wav", 8000, io::SoundFormat::wav).error() == (folder / "absent/a.wav") + ": No such file or directory");
}
