#include "sbc-edge/shell.hpp"

int main(int argc, char** argv) { return confab::app::run(argc, argv, confab::edge::program()); }
