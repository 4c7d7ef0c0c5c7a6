#include "sip/server_invite.hpp"

#include "sip/machine_rows.hpp"

using namespace confab::sip;

namespace {

using M = ServerInvite;
using enum ServerInvite::State;
using I = ServerInvite::Input;
using enum ServerAction;

const test::Row<M> kRows[] = {
    {proceeding, I::retransmission, {proceeding, {send_response, stop_trying}}},
    {proceeding, I::ack, {proceeding}},
    {proceeding, I::provisional, {proceeding, {send_response, stop_trying}}},
    {proceeding, I::final_2xx, {accepted, {send_response}, {Timer::l}}},
    {proceeding, I::final_300_699, {completed, {send_response}, {Timer::g, Timer::h}}},
    {proceeding, I::timer_g, {proceeding}},
    {proceeding, I::timer_h, {proceeding}},
    {proceeding, I::timer_i, {proceeding}},
    {proceeding, I::timer_l, {proceeding}},
    {proceeding, I::timer_trying, {proceeding, {send_response}}},

    {completed, I::retransmission, {completed, {send_response}}},
    {completed, I::ack, {confirmed, {}, {Timer::i}}},
    {completed, I::provisional, {completed}},
    {completed, I::final_2xx, {completed}},
    {completed, I::final_300_699, {completed}},
    {completed, I::timer_g, {completed, {send_response}, {Timer::g}}},
    {completed, I::timer_h, {terminated, {tell_no_ack}}},
    {completed, I::timer_i, {completed}},
    {completed, I::timer_l, {completed}},
    {completed, I::timer_trying, {completed}},

    {confirmed, I::retransmission, {confirmed}},
    {confirmed, I::ack, {confirmed}},
    {confirmed, I::provisional, {confirmed}},
    {confirmed, I::final_2xx, {confirmed}},
    {confirmed, I::final_300_699, {confirmed}},
    {confirmed, I::timer_g, {confirmed}},
    {confirmed, I::timer_h, {confirmed}},
    {confirmed, I::timer_i, {terminated}},
    {confirmed, I::timer_l, {confirmed}},
    {confirmed, I::timer_trying, {confirmed}},

    {accepted, I::retransmission, {accepted}},
    {accepted, I::ack, {accepted, {pass_up}}},
    {accepted, I::provisional, {accepted}},
    {accepted, I::final_2xx, {accepted, {send_response}}},
    {accepted, I::final_300_699, {accepted}},
    {accepted, I::timer_g, {accepted}},
    {accepted, I::timer_h, {accepted}},
    {accepted, I::timer_i, {accepted}},
    {accepted, I::timer_l, {terminated, {tell_gone}}},
    {accepted, I::timer_trying, {accepted}},

    {terminated, I::retransmission, {terminated}},
    {terminated, I::ack, {terminated}},
    {terminated, I::provisional, {terminated}},
    {terminated, I::final_2xx, {terminated}},
    {terminated, I::final_300_699, {terminated}},
    {terminated, I::timer_g, {terminated}},
    {terminated, I::timer_h, {terminated}},
    {terminated, I::timer_i, {terminated}},
    {terminated, I::timer_l, {terminated}},
    {terminated, I::timer_trying, {terminated}},
};

}  // namespace

TEST_CASE("INVITE server: every state and input") { test::check_table<M>(kRows, I::timer_trying); }

TEST_CASE("INVITE server: it starts proceeding, with 100 Trying due") {
    CHECK(M::start() == M::Step{proceeding, {}, {Timer::trying}});
    CHECK(Machine<M>().state() == proceeding);
}
