// Sound files of conferences: recordings are written, sounds to be played are read, both on threads of their own.
//
// Owner: the shell's thread, on which callbacks come. Destroying it finishes all recordings.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "conf-bridge/config.hpp"
#include "conf-bridge/media_link.hpp"
#include "conf-bridge/recording.hpp"
#include "io/loop.hpp"
#include "io/recorder.hpp"
#include "io/worker.hpp"

namespace confab::bridge {

class Studio {
public:
    using Read = std::function<void(std::expected<media::Prompt, std::string>)>;

    struct Handlers {
        std::function<void(const RecordingStarted&)> started;
        std::function<void(const RecordingEnded&)> ended;
    };
    Studio(io::Loop& loop, const Config& config, Handlers handlers);

    // What the media thread must be told.
    MediaCommand act(const RecordingCommand& command);
    // A file of the directory `sounds`.
    void read(const std::string& name, Read done);
    void reload(const Config& config);

private:
    io::Recorder::Handlers recorder_handlers();
    MediaCommand tap(unsigned thread, const RecordingSource& source, std::shared_ptr<media::SoundSink> sink) const;

    io::Loop& loop_;
    std::string recordings_, sounds_;
    io::SoundFormat format_{};
    std::uint32_t rate_ = 0;
    const Handlers handlers_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    io::Recorder recorder_;
    io::Worker reader_{"sounds"};
};

}  // namespace confab::bridge
