// Writes what is said into sound files, on a thread of its own: a slow or full disk delays nobody, it only ends the recording.
//
// Owner: the thread that starts and stops. Sound comes through a `SoundSink` from one other thread (a media thread), which may drop it at any time;
// up to two seconds of it wait for the disk, what comes beyond is left out and counted. A file has one rate: sound of another is converted.
// No file is overwritten: `Started` tells which one is written. Each recording ends with one `Ended`: after `stop`, or by itself when nothing more can be
// written; where its file could not even be opened, it has not started.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "io/sound_file.hpp"
#include "media/sound_sink.hpp"

namespace confab::io {

class Recorder {
public:
    struct File {
        std::string path;  // where it is taken, SoundWriter::create_new's choice
        SoundFormat format = SoundFormat::wav;
        std::uint32_t rate = 16000;
    };
    struct Started {
        std::uint64_t recording = 0;
        std::string path;
    };
    struct Ended {
        std::uint64_t recording = 0;
        std::string error;  // empty: as wanted
        base::milliseconds length{0};
        std::uint64_t missing = 0;  // ticks left out
    };

    // Called on the recorder's thread.
    struct Handlers {
        std::function<void(const Started&)> started;
        std::function<void(const Ended&)> ended;
    };
    explicit Recorder(Handlers handlers);
    ~Recorder();  // finishes all files

    std::shared_ptr<media::SoundSink> start(std::uint64_t recording, File file);
    void stop(std::uint64_t recording);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace confab::io
