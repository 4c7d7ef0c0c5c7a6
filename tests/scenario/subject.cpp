#include "subject.hpp"

#include "script.hpp"

namespace confab::scenario {

void Subject::answer(base::Now, std::uint64_t, const Answer&) { throw Failed("this subject asks nothing"); }
void Subject::flow_failed(base::Now, const sip::Hop&) { throw Failed("this subject does not care for flows"); }
void Subject::command(base::Now, const std::vector<std::string>&) { throw Failed("this subject takes no commands"); }

void Subject::take(const sip::Outbox& outbox) {
    for (const auto& entry : outbox.entries()) sent.push_back({entry.to, std::string(outbox.bytes(entry))});
}

}  // namespace confab::scenario
