# A server over stdio whose tools ask a person. Its questions name no call, as over stdio none does.
#
#   greet {"who":"Ada"}   asks "Who are you, Ada?" and says which process greets whom.
#   change {"who":"Ada"}  says that the tools changed, and asks when they are being listed.
#   hang {"mark":"file"}  makes the file, and never answers.
#   told                  says what it was answered when it asked in the course of no call: before it lists its tools.
say() { printf '%s\n' "$1"; }
result() { say "{\"jsonrpc\":\"2.0\",\"id\":$1,\"result\":$2}"; }
text() { result "$1" "{\"content\":[{\"type\":\"text\",\"text\":\"$2\"}]}"; }
ask() {
    form='{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name"]}'
    params="{\"mode\":\"form\",\"message\":\"Who are you, $2?\",\"requestedSchema\":$form}"
    say "{\"jsonrpc\":\"2.0\",\"id\":\"$1\",\"method\":\"elicitation/create\",\"params\":$params}"
}
tools='{"tools":[{"name":"greet","inputSchema":{"type":"object"}}]}'
call= changed= list= told=nothing
while read -r line; do
    id=$(say "$line" | sed -n 's/^{"jsonrpc":"2.0","id":\([0-9]*\),.*/\1/p')
    case $line in
    *'"method":"initialize"'*)
        capabilities='{"tools":{"listChanged":true}}'
        server='{"name":"asks","version":"1"}'
        result "$id" "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":$capabilities,\"serverInfo\":$server}"
        ;;
    *'"id":"early"'*)
        told=$(say "$line" | tr -d '"\\')
        result "$list" "$tools"
        list=
        ;;
    *'"method":"tools/list"'*)
        if [ -n "$changed" ]; then
            ask question "$who"
            changed= list=$id
        else
            ask early nobody
            list=$id
        fi
        ;;
    *'"name":"greet"'* | *'"name":"change"'*)
        who=$(say "$line" | sed -n 's/.*"who":"\([^"]*\)".*/\1/p')
        case $line in
        *'"greet"'*) ask question "$who" ;;
        *) changed=yes && say '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}' ;;
        esac
        call=$id
        ;;
    *'"id":"question"'*)
        name=$(say "$line" | sed -n 's/.*"name":"\([^"]*\)".*/\1/p')
        text "$call" "$$: $who is $name"
        [ -z "$list" ] || result "$list" "$tools"
        call= list=
        ;;
    *'"name":"told"'*) text "$id" "$told" ;;
    *'"name":"hang"'*) : >"$(say "$line" | sed -n 's/.*"mark":"\([^"]*\)".*/\1/p')" ;;
    *'"method":"server/discover"'*)
        say "{\"jsonrpc\":\"2.0\",\"id\":$id,\"error\":{\"code\":-32601,\"message\":\"Method not found\"}}"
        ;;
    esac
done
