// Users who are kept elsewhere: another database file that is only read, or a daemon's socket that answers `credentials`. Owner: the main loop's thread;
// a file belongs to a worker.
//
// Every question is answered once, later, never from within `ask`; how long it may take is the core's. Nothing is remembered, so a change there is seen by the
// next question. While the source is down every answer says so, and `changed` is told once.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/loop.hpp"
#include "sip-registrar/config.hpp"
#include "sip-registrar/users.hpp"

namespace confab::registrar {

class UserSource {
public:
    using OnAnswer = std::function<void(const Credentials&)>;
    using OnChange = std::function<void(const std::string& problem)>;  // "": it answers again

    UserSource(io::Loop& loop, const Config& config, OnChange changed);
    ~UserSource();

    void ask(const std::string& user, OnAnswer on_answer);
    const std::string& problem() const { return problem_; }  // "" while it answers

private:
    class File;
    class Socket;

    void settle(const Credentials& credentials, const std::string& problem, const OnAnswer& on_answer);

    OnChange changed_;
    std::string problem_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::unique_ptr<Socket> socket_;
    std::unique_ptr<File> file_;
};

}  // namespace confab::registrar
