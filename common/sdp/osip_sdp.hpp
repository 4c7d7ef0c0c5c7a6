// The grammar of the structured SDP lines (v=, o=, s=, c=, t=, m=; RFC 8866 §5), read by osip's parser.
//
// The door gets a description that `reader.cpp` has already bounded and put in order, without attributes: osip insists on the order of
// lines, rejects empty attribute values, and its lists cost quadratic time.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace confab::sdp {

struct GrammarMedia {
    std::string kind, port, protocol;
    std::vector<std::string> formats;
    std::optional<std::string> connection;
};

struct GrammarSession {
    std::string origin_user, origin_id, origin_version, origin_address;
    std::string name;
    std::optional<std::string> connection;
    std::vector<std::string> times;
    std::vector<GrammarMedia> media;
};

std::optional<GrammarSession> read_grammar(const std::string& text);

}  // namespace confab::sdp
