// What a scenario drives: a core behind one small interface. Inputs are calls, what came out waits in `sent` and `asked` until the script
// looks.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "config/source.hpp"
#include "local/messages.hpp"
#include "sip/transport.hpp"

namespace confab::scenario {

struct Sent {
    sip::Hop to;
    std::string bytes;
};
struct Asked {
    std::uint64_t id = 0;
    std::string daemon, command;
    local::Value arguments;
};
using Answer = std::expected<local::Value, local::Failure>;

class Subject {
public:
    virtual ~Subject() = default;
    virtual void receive(base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream) = 0;
    virtual void expire(base::Now now) = 0;
    virtual std::optional<base::Instant> next_deadline() = 0;
    virtual local::Value status() = 0;
    virtual void answer(base::Now now, std::uint64_t question, const Answer& answer);
    virtual void flow_failed(base::Now now, const sip::Hop& hop);
    virtual void command(base::Now now, const std::vector<std::string>& words);  // `do …`: what only this subject can

    std::vector<Sent> sent;
    std::vector<Asked> asked;

protected:
    void take(const sip::Outbox& outbox);
};

std::unique_ptr<Subject> make_bridge(const config::Entries& entries);
std::unique_ptr<Subject> make_proxy(const config::Entries& entries);
std::unique_ptr<Subject> make_registrar(const config::Entries& entries);

}  // namespace confab::scenario
