// Any bytes as the rdata of a run of DNS answers: each record is preceded by an octet of length; an empty one ends an answer. The first octet chooses the
// query. Whatever a server says, the search ends, stays within its bounds and never leaves TLS for sips.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "dns/locating.hpp"

using namespace confab;
using namespace confab::dns;

namespace {

Query query_of(std::uint8_t choice) {
    Query query{"example.org"};
    query.secure = choice & 1;
    if (choice & 2) query.transport = static_cast<Service>((choice >> 2) % 3);
    if (choice & 32) query.port = 5070;
    return query;
}

Answer take_answer(std::string_view& rest) {
    Answer answer{Answer::Outcome::records};
    while (!rest.empty()) {
        const auto length = static_cast<unsigned char>(rest.front());
        rest.remove_prefix(1);
        if (length == 0) break;
        answer.rdata.push_back(rest.substr(0, length));
        rest.remove_prefix(answer.rdata.back().size());
    }
    if (answer.rdata.empty()) answer.outcome = static_cast<Answer::Outcome>(1 + rest.size() % 3);
    return answer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto query = query_of(data[0]);
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Abilities abilities;
    const Hosts hosts(rest);
    const Hosts none;
    base::Random random{base::Seed{}};
    Locating locating(query, abilities, none, random);
    auto questions = locating.start();
    for (std::size_t i = 0; i < questions.size(); ++i) {
        CHECK(i < 200, "a search that asks and asks");
        CHECK(host_name(questions[i].name) == questions[i].name, "a question for no host name");
        const auto question = questions[i];
        for (auto& next : locating.answer(question, take_answer(rest))) questions.push_back(std::move(next));
    }
    CHECK(locating.is_done(), "every question was answered");
    const auto result = locating.result();
    if (!result) return 0;
    CHECK(!result->empty() && result->size() <= Locating::kEndpoints, "a result out of bounds");
    for (const auto& endpoint : *result) CHECK(!query.secure || endpoint.transport == Service::tls, "sips without TLS");
    return 0;
}
