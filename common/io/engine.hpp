// Joins one SIP core to its sockets and the clock, as every SIP daemon needs it: what comes in goes to `receive`, what is due to `expire`, and after each
// batch the effects go out. Owner: the main loop's thread.
//
// A Core has receive, next_deadline and expire; flow_opened, flow_failed and batch_begin where it wants to know. Its Effects have transmit, notes and
// clear; `vouched` names the flows whose peers have proven themselves, which ends their authentication deadline. What else is among the effects
// (questions, writes, media) is the tool's, by `act`, which goes first and may speak to the core again: those effects follow at once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "io/signalling_setup.hpp"
#include "local/value.hpp"
#include "log/log.hpp"

namespace confab::io {

template <class Core, class Effects>
class Engine {
public:
    struct Duties {
        std::function<void(Effects&)> act;
        std::function<void()> turned = [] {};  // after each turn, when everything is on its way
    };

    // `core` is not spoken to before the loop runs, so it may be constructed after the Engine whose listeners it wants to know. Throws StartupError.
    Engine(Loop& loop, const config::Signalling& settings, Core& core, Duties duties)
        : Engine(loop, settings, setup_of(settings), core, std::move(duties)) {}

    const std::vector<config::Listener>& listeners() const { return listeners_; }  // with the ports that were bound
    const Signalling& signalling() const { return signalling_; }
    void expect_name(const base::SocketAddress& peer, const std::string& name) { signalling_.expect_name(peer, name); }

    // One input to the core, `input(now, effects)`, and what follows from it.
    template <class Input>
    auto turn(Input&& input) {
        const auto now = loop_.now();
        if constexpr (std::is_void_v<decltype(input(now, effects_))>) {
            input(now, effects_);
            flush(now);
        } else {
            auto answer = input(now, effects_);
            flush(now);
            return answer;
        }
    }

    // The same for one of many inputs that come together: what follows from all of them in this turn of the loop leaves in one batch.
    template <class Input>
    void feed(Input&& input) {
        input(loop_.now(), effects_);
        if (std::exchange(flush_posted_, true)) return;
        loop_.post([this, alive = std::weak_ptr(alive_)] {
            if (alive.expired()) return;
            flush_posted_ = false;
            flush(loop_.now());
        });
    }

    // Certificates are read again and serve new connections; trusted networks too. Throws StartupError, and then nothing has changed.
    void reload(const config::Signalling& fresh) { signalling_.reload(setup_of(fresh)); }

    void append_status(local::Value& status) const {
        auto listeners = local::Value::array();
        for (const auto& listener : listeners_) listeners.push(listener.text());
        status.set("listeners", std::move(listeners));
        status.set("connections", static_cast<std::uint64_t>(signalling_.counts().open));
    }

private:
    Engine(Loop& loop, const config::Signalling& settings, SignallingSetup setup, Core& core, Duties duties)
        : loop_(loop),
          core_(core),
          duties_(std::move(duties)),
          signalling_(loop, std::move(setup.listeners), setup.options, handlers()),
          listeners_(bound_listeners(settings, signalling_)),
          timer_(loop, [this] { on_timer(); }) {}

    Signalling::Handlers handlers() {
        Signalling::Handlers handlers;
        handlers.received = [this](base::Now now, const sip::Hop& source, std::string_view bytes, bool is_stream) {
            core_.receive(now, source, bytes, is_stream, effects_);
        };
        handlers.failed = [this](base::Now now, const sip::Hop& hop, const std::string&) {
            if constexpr (requires { core_.flow_failed(now, hop, effects_); }) core_.flow_failed(now, hop, effects_);
        };
        handlers.opened = [this](base::Now now, const sip::Hop& hop) {
            if constexpr (requires { core_.flow_opened(now, hop); }) core_.flow_opened(now, hop);
        };
        handlers.batch_begin = [this](base::Now now, base::Duration queue_delay) {
            if constexpr (requires { core_.batch_begin(now, queue_delay); }) core_.batch_begin(now, queue_delay);
        };
        handlers.batch_end = [this](base::Now now) { flush(now); };
        return handlers;
    }

    void on_timer() {
        armed_.reset();
        turn([this](base::Now now, Effects& effects) { core_.expire(now, effects); });
    }

    void flush(base::Now now) {
        again_ = true;
        if (flushing_) return;  // `act` spoke to the core: the flush that called it goes round once more
        flushing_ = true;
        while (std::exchange(again_, false)) {
            std::swap(acting_, effects_);
            duties_.act(acting_);
            log::write(acting_.notes);
            if constexpr (requires { acting_.vouched; })
                for (const auto flow : acting_.vouched) signalling_.trust(flow);
            signalling_.send(now, acting_.transmit);
            acting_.clear();
        }
        flushing_ = false;
        arm();
        duties_.turned();
    }

    // A deadline that moved later is left alone: the timer finds nothing due and looks again.
    void arm() {
        const auto next = core_.next_deadline();
        if (!next || (armed_ && *armed_ <= *next)) return;
        armed_ = next;
        timer_.at(*next);
    }

    Loop& loop_;
    Core& core_;
    Duties duties_;
    Effects effects_, acting_;
    bool flushing_ = false, again_ = false, flush_posted_ = false;
    std::optional<base::Instant> armed_;
    Signalling signalling_;
    std::vector<config::Listener> listeners_;
    Timer timer_;
    std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace confab::io
