console.log("one line");
