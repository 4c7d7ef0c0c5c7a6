#include "sip/client_invite.hpp"

#include "sip/machine_rows.hpp"

using namespace confab::sip;

namespace {

using M = ClientInvite;
using enum ClientInvite::State;
using I = ClientInvite::Input;
using enum ClientAction;

const test::Row<M> kRows[] = {
    {calling, I::provisional, {proceeding, {pass_up}}},
    {calling, I::final_2xx, {accepted, {pass_up}, {Timer::m}}},
    {calling, I::final_300_699, {completed, {send_ack, pass_up}, {Timer::d}}},
    {calling, I::timer_a, {calling, {send_request}, {Timer::a}}},
    {calling, I::timer_b, {terminated, {tell_timeout}}},
    {calling, I::timer_d, {calling}},
    {calling, I::timer_m, {calling}},
    {calling, I::transport_error, {terminated, {tell_unreachable}}},
    {calling, I::cancel, {calling, {remember_cancel}}},
    {calling, I::timer_cancel, {calling}},

    {proceeding, I::provisional, {proceeding, {pass_up}}},
    {proceeding, I::final_2xx, {accepted, {pass_up}, {Timer::m}}},
    {proceeding, I::final_300_699, {completed, {send_ack, pass_up}, {Timer::d}}},
    {proceeding, I::timer_a, {proceeding}},
    {proceeding, I::timer_b, {proceeding}},
    {proceeding, I::timer_d, {proceeding}},
    {proceeding, I::timer_m, {proceeding}},
    {proceeding, I::transport_error, {terminated, {tell_unreachable}}},
    {proceeding, I::cancel, {proceeding, {send_cancel}, {Timer::cancel}}},
    {proceeding, I::timer_cancel, {terminated, {tell_timeout}}},

    {completed, I::provisional, {completed}},
    {completed, I::final_2xx, {completed}},
    {completed, I::final_300_699, {completed, {send_ack}}},
    {completed, I::timer_a, {completed}},
    {completed, I::timer_b, {completed}},
    {completed, I::timer_d, {terminated}},
    {completed, I::timer_m, {completed}},
    {completed, I::transport_error, {terminated}},
    {completed, I::cancel, {completed}},
    {completed, I::timer_cancel, {completed}},

    {accepted, I::provisional, {accepted}},
    {accepted, I::final_2xx, {accepted, {pass_up}}},
    {accepted, I::final_300_699, {accepted}},
    {accepted, I::timer_a, {accepted}},
    {accepted, I::timer_b, {accepted}},
    {accepted, I::timer_d, {accepted}},
    {accepted, I::timer_m, {terminated}},
    {accepted, I::transport_error, {accepted}},
    {accepted, I::cancel, {accepted}},
    {accepted, I::timer_cancel, {accepted}},

    {terminated, I::provisional, {terminated}},
    {terminated, I::final_2xx, {terminated}},
    {terminated, I::final_300_699, {terminated}},
    {terminated, I::timer_a, {terminated}},
    {terminated, I::timer_b, {terminated}},
    {terminated, I::timer_d, {terminated}},
    {terminated, I::timer_m, {terminated}},
    {terminated, I::transport_error, {terminated}},
    {terminated, I::cancel, {terminated}},
    {terminated, I::timer_cancel, {terminated}},
};

}  // namespace

TEST_CASE("INVITE client: every state and input") { test::check_table<M>(kRows, I::timer_cancel); }

TEST_CASE("INVITE client: it starts by calling") {
    CHECK(M::start() == M::Step{calling, {send_request}, {Timer::a, Timer::b}});
    CHECK(Machine<M>().state() == calling);
}

TEST_CASE("INVITE client: a status is an input") {
    const std::pair<int, I> cases[] = {{100, I::provisional}, {199, I::provisional},   {200, I::final_2xx},    {299, I::final_2xx},
                                       {300, I::final_300_699}, {486, I::final_300_699}, {699, I::final_300_699}};
    for (const auto& [status, input] : cases) CHECK(M::input_of(status) == input);
}
