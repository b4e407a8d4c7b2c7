// Nothing: it is there so that its target has the headers that tests begin with.
int main() {}
