#include "sip-probe/leg.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "io/error.hpp"
#include "io/source_address.hpp"

namespace confab::probe {
namespace {

constexpr std::uint8_t kTelephoneEvent = 101;
constexpr std::uint16_t kFirstMediaPort = 30000, kLastMediaPort = 39999;
constexpr const char* kSuites[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"};

std::vector<io::Signalling::Listener> listeners(const LegOptions& options) {
    if (options.target.transport != sip::Transport::udp) return {};
    return {{sip::Transport::udp, {io::source_towards(options.target.address), 0}, {}}};
}

io::Signalling::Options signalling_options(const LegOptions& options) {
    io::Signalling::Options settings;
    settings.receive_buffer = 0;
    settings.tls_client = options.tls;
    return settings;
}

Local local_names(const LegOptions& options, const io::Signalling& signalling) {
    const auto ip = io::source_towards(options.target.address);
    auto sent_by = ip.host();
    if (options.target.transport == sip::Transport::udp) sent_by += ":" + std::to_string(signalling.local(0).port);
    const auto at = options.account.address.find('@');
    const auto colon = options.account.address.find(':');
    const auto user = options.account.address.substr(colon + 1, at - colon - 1);
    auto contact = "sip:" + user + "@" + sent_by;
    if (options.target.transport != sip::Transport::udp) contact += ";transport=" + std::string(sip::param_name(options.target.transport));
    return {sent_by, contact};
}

sip::Hop hop_to(const LegOptions& options) {
    return {options.target.transport, options.target.address, {}, sip::kAnyListener};
}

}  // namespace

Leg::Leg(io::Loop& loop, LegOptions options, OnHappening on_happening)
    : loop_(loop), options_(std::move(options)), on_happening_(std::move(on_happening)),
      signalling_(loop, listeners(options_), signalling_options(options_),
                  {.received =
                       [this](base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream) {
                           core_.receive(now, source, bytes, is_stream, effects_);
                       },
                   .failed =
                       [this](base::Now now, const sip::Hop& hop, const std::string& reason) {
                           failure_ = reason;
                           failed_in_tls_ = reason.starts_with("TLS");
                           core_.flow_failed(now, hop, effects_);
                           flush();
                       },
                   .opened =
                       [this](base::Now now, const sip::Hop& hop) {
                           flow_ = hop.flow;
                           if (!phases_.connected) phases_.connected = now.steady;
                       },
                   .batch_end = [this](base::Now) { flush(); }}),
      random_(io::kernel_seed()), core_(options_.timers, io::kernel_seed(), options_.account, local_names(options_, signalling_), hop_to(options_)),
      timer_(loop, [this] {
          core_.expire(loop_.now(), effects_);
          flush();
      }) {
    signalling_.expect_name(options_.target.address, options_.target.host);
    phases_.started = loop_.now().steady;
}

void Leg::flush() {
    // A callback may ask for more, which fills the effects again: take them out first.
    while (!effects_.transmit.empty() || !effects_.happenings.empty()) {
        auto effects = std::exchange(effects_, {});
        signalling_.send(loop_.now(), effects.transmit);
        for (const auto& happening : effects.happenings) deliver(happening);
    }
    if (const auto next = core_.next_deadline())
        timer_.at(*next);
    else
        timer_.cancel();
}

void Leg::deliver(const Happening& happening) {
    const auto now = loop_.now().steady;
    switch (happening.kind) {
        case Happening::Kind::challenged:
            if (!phases_.challenged) phases_.challenged = now;
            break;
        case Happening::Kind::provisional:
            if (happening.status > 100 && !phases_.ringing) phases_.ringing = now;
            break;
        case Happening::Kind::accepted: {
            if (!phases_.answered) phases_.answered = now;
            std::string answer;
            const bool agreed = agree(happening.text, options_.delayed_offer, answer);
            core_.acknowledge(loop_.now(), answer, effects_);
            if (agreed) break;
            core_.hang_up(loop_.now(), effects_);
            return on_happening_(*this, {Happening::Kind::refused, happening.status, {}, "the session description of the answer cannot be used"});
        }
        case Happening::Kind::renegotiated: {
            std::string answer;
            if (!happening.text.empty() && agree(happening.text, true, answer)) core_.set_local_sdp(answer);
            break;
        }
        case Happening::Kind::ended:
        case Happening::Kind::refused:
            last_counts_ = media_counts();
            endpoint_.reset();
            break;
        default: break;
    }
    on_happening_(*this, happening);
}

void Leg::ask_options(std::string_view uri, std::string_view headers) {
    core_.ask_options(loop_.now(), uri, headers, effects_);
    flush();
}

void Leg::register_contact(bool with_contact, base::seconds expires) {
    const auto at = options_.account.address.find('@');
    core_.register_contact(loop_.now(), "sip:" + options_.account.address.substr(at + 1), with_contact, expires, effects_);
    flush();
}

bool Leg::open_media() {
    const auto ip = io::source_towards(options_.target.address);
    io::Datagrams::Options settings;
    settings.size = 1500;
    const auto seed = io::kernel_seed();
    io::PortPairs pairs(kFirstMediaPort, kLastMediaPort, seed);
    auto bound = pairs.bind(loop_, ip, settings, io::Datagrams::make_buffers(settings),
                            [this](base::Now, std::span<io::Datagram> batch) { received_media(batch); }, [](base::Now, std::span<io::Datagram>) {});
    if (!bound) {
        failure_ = bound.error();
        return false;
    }
    ports_ = std::move(*bound);
    local_media_ = {};
    local_media_.rtp = ports_->rtp.local();
    local_media_.codecs = capabilities(options_.codecs);
    local_media_.ptime = options_.codecs.front().ptime;
    if (options_.telephone_events) local_media_.telephone_event = kTelephoneEvent;
    local_media_.session_id = random_.next() >> 2;
    local_media_.session_version = 1;
    std::uint32_t tag = 0;
    for (const auto* suite : kSuites) {
        if (!options_.srtp) break;
        std::string key(media::srtp_key_size(suite), '\0');
        random_.fill({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
        local_media_.cryptos.push_back({++tag, suite, key});
    }
    return true;
}

std::string Leg::offer() {
    offered_ = sdp::offer(local_media_);
    return offered_->text();
}

void Leg::call(std::string_view uri, std::string_view headers) {
    phases_.started = loop_.now().steady;
    if (!open_media()) throw io::StartupError(io::kOsError, failure_);
    core_.invite(loop_.now(), {std::string(uri), std::string(headers), options_.delayed_offer ? std::string() : offer()}, effects_);
    flush();
}

bool Leg::agree(const std::string& text, bool is_offer, std::string& answer_text) {
    const auto session = sdp::Session::parse(text);
    if (!session) return false;
    std::optional<sdp::Agreed> agreed;
    if (is_offer) {
        auto answered = sdp::answer(*session, local_media_, options_.srtp);
        if (!answered) return false;
        ++local_media_.session_version;
        answer_text = answered->answer.text();
        agreed = answered->agreed;
    } else {
        auto read = sdp::read_answer(*offered_, local_media_, *session);
        if (!read || (options_.srtp && !read->remote_crypto)) return false;
        agreed = *read;
    }
    if (endpoint_)
        endpoint_->update(*agreed, options_.codecs);
    else
        endpoint_ = Endpoint::create(*agreed, options_.codecs, rate(), io::kernel_seed());
    if (!endpoint_) return false;
    codec_ = codec_text(endpoint_->format());
    return true;
}

void Leg::received_media(std::span<io::Datagram> batch) {
    if (!endpoint_) return;
    if (!phases_.media) phases_.media = loop_.now().steady;
    for (const auto& datagram : batch) {
        // The buffer has room behind the datagram for work in place.
        const std::span<std::uint8_t> room(datagram.bytes.data(), datagram.bytes.size() + media::kSrtpOverhead);
        endpoint_->receive(room, datagram.bytes.size(), tick_);
    }
}

bool Leg::exchange(std::uint64_t tick, std::span<const std::int16_t> voice, std::span<std::int16_t> heard) {
    tick_ = tick;
    if (!endpoint_) {
        std::ranges::fill(heard, std::int16_t{0});
        return false;
    }
    const bool audio = endpoint_->pull(tick, heard);
    endpoint_->push(voice);
    for (auto packet = endpoint_->take(); !packet.empty(); packet = endpoint_->take()) {
        ports_->rtp.send(endpoint_->remote(), packet);
        ports_->rtp.flush();
    }
    return audio;
}

void Leg::cancel() {
    core_.cancel(loop_.now(), effects_);
    flush();
}

void Leg::hang_up() {
    last_counts_ = media_counts();
    core_.hang_up(loop_.now(), effects_);
    endpoint_.reset();
    flush();
}

void Leg::dial(std::string_view digits) {
    if (endpoint_) endpoint_->dial(digits);
}

std::string Leg::connection() const { return signalling_.describe(flow_); }

}  // namespace confab::probe
