#include "sdp/osip_sdp.hpp"

#include <osipparser2/osip_port.h>
#include <osipparser2/sdp_message.h>

#include <memory>

namespace confab::sdp {
namespace {

struct FreeMessage {
    void operator()(sdp_message_t* message) const { sdp_message_free(message); }
};
using Message = std::unique_ptr<sdp_message_t, FreeMessage>;

std::string text_of(const char* text) { return text ? std::string(text) : std::string(); }

// osip's lists are linked: walking by index would be quadratic.
template <class Item, class Visit>
void for_each(const osip_list_t& list, Visit visit) {
    osip_list_iterator_t at{};
    for (void* item = osip_list_get_first(&list, &at); item; item = osip_list_get_next(&at)) visit(*static_cast<Item*>(item));
}

GrammarMedia media_of(const sdp_media_t& from) {
    GrammarMedia to{text_of(from.m_media), text_of(from.m_port), text_of(from.m_proto), {}, {}};
    for_each<char>(from.m_payloads, [&](const char& format) { to.formats.emplace_back(&format); });
    for_each<sdp_connection_t>(from.c_connections, [&](const sdp_connection_t& c) {
        if (!to.connection) to.connection = text_of(c.c_addr);
    });
    return to;
}

}  // namespace

std::optional<GrammarSession> read_grammar(const std::string& text) {
    sdp_message_t* raw = nullptr;
    if (sdp_message_init(&raw) != 0) return std::nullopt;
    const Message message(raw);
    if (sdp_message_parse(raw, text.c_str()) != 0) return std::nullopt;

    GrammarSession session;
    session.origin_user = text_of(raw->o_username);
    session.origin_id = text_of(raw->o_sess_id);
    session.origin_version = text_of(raw->o_sess_version);
    session.origin_address = text_of(raw->o_nettype) + " " + text_of(raw->o_addrtype) + " " + text_of(raw->o_addr);
    session.name = text_of(raw->s_name);
    if (raw->c_connection) session.connection = text_of(raw->c_connection->c_addr);
    for_each<sdp_time_descr_t>(
        raw->t_descrs, [&](const sdp_time_descr_t& t) { session.times.push_back(text_of(t.t_start_time) + " " + text_of(t.t_stop_time)); });
    for_each<sdp_media_t>(raw->m_medias, [&](const sdp_media_t& m) { session.media.push_back(media_of(m)); });
    return session;
}

}  // namespace confab::sdp
