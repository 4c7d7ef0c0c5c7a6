#include "sip-probe/commands.hpp"

int main(int argc, char** argv) { return confab::app::run(argc, argv, confab::probe::program()); }
