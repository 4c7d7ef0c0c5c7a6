#include "conf-bridge/replaces.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "sip/grammar.hpp"

namespace confab::bridge {

std::expected<std::optional<Replaces>, int> Replaces::read(const sip::Message& request) {
    const auto* header = request.find(sip::HeaderName::replaces);
    if (!header) return std::nullopt;
    const auto end = header->value.find(';');
    if (end == std::string_view::npos) return std::unexpected(400);
    const sip::Params parameters{header->value.substr(end)};
    Replaces out;
    out.call_id = base::trim(header->value.substr(0, end));
    out.to_tag = parameters.get("to-tag").value_or("");
    out.from_tag = parameters.get("from-tag").value_or("");
    out.early_only = parameters.has("early-only");
    if (out.call_id.empty() || out.to_tag.empty() || out.from_tag.empty()) return std::unexpected(400);
    return out;
}

void EndedDialogs::add(std::string local_tag) {
    tags_.push_back(std::move(local_tag));
    if (tags_.size() > kMost) tags_.pop_front();
}

bool EndedDialogs::has(std::string_view local_tag) const { return std::ranges::find(tags_, local_tag) != tags_.end(); }

}  // namespace confab::bridge
